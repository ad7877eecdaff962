"""Training the network: configurations, data, one step (Alg. 31), the loop around it. `predict` does not need it."""
