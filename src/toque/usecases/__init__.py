"""What the system can do: one procedure a module, called by the command line and the demo."""
