"""How packages, images and manifests are made; nothing here is needed to run the program."""
