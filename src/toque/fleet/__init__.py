"""The domain as frozen values and pure functions: stack, layers, nodes, apps, releases."""
