"""Chef cookbooks become Toque's: their Ruby is read, translated, and each line accounted for."""
