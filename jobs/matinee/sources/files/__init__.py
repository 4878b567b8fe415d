"""Landing files and manifests: finding, hashing and reading them."""
