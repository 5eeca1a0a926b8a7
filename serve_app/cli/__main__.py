"""`python -m serve_app.cli`: the same as `hark`, for processes that start it by interpreter."""

from serve_app.cli import app

if __name__ == "__main__":
    app(prog_name="hark")
