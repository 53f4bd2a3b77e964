"""The statements: one theorem = one file. `bounds.theorems` finds them by walking this folder."""
