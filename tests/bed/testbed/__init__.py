"""Parts of the test bed; the command is `tests/bed/bed`."""
