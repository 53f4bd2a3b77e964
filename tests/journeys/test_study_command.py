"""`lmo study` as a user meets it."""

from __future__ import annotations

from pathlib import Path

from command_line import lmo, strict_json


def test_the_regime_in_seconds(tmp_path: Path) -> None:
    said = lmo("study", "regime", "--quick", "--out", str(tmp_path), "--json")
    made = strict_json(said.out)
    assert said.status == (0 if all(f["agrees"] for f in made["findings"]) else 1)
    titles = list(made["tables"])
    assert len(titles) == 4 and titles[0].startswith("S1: from which K on")
    first, _, errors, usual = made["tables"].values()
    assert {row["n"]: row["within 50%"] for row in first}["0.5"] == "54"
    assert "two lengths" in {row["error"] for row in errors} and usual[0]["regret"]
    assert (tmp_path / "data" / "regime.zarr").is_dir() and (tmp_path / "figures" / "regime.png").is_file()


def test_what_the_command_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in lmo("study", "regime", "--quick", "--out", str(tmp_path / "file")).err
    assert lmo("study", "regim").status == 2
