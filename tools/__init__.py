"""Programs for work on the project: `make docs`, `make picture`, and the release workflow run them."""
