"""The whole story on a throwaway machine, act by act; every part is the real one."""
