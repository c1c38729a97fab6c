"""Throwaway machines: made in about a second, truly separate, gone without a trace."""
