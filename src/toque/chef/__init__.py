"""Chef cookbooks become Toque's: reading Ruby, translating it, and an account of every line.  Pure."""
