"""Which picture: what a kind of picture is, where its field lies, and which kind is shown."""
