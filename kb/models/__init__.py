"""Language models in GGUF: which there are to fetch, which suit this machine, which lie here."""
