"""The live view in a terminal. Textual is imported by `app` alone, and that only when `top` is run."""
