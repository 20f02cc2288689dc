"""How fast a model runs: reading and unpacking weights, attending, prompts, many users, many cards."""
