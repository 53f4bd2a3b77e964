"""Laws: one closed form = one file. `bounds.laws` finds them by walking this folder."""
