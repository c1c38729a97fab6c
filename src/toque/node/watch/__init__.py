"""The time after a switch: what visitors get is compared with before, and a bad release goes back.

``judge`` decides, ``traffic`` reads what the web server wrote, ``order`` is what a deploy leaves
for the watcher, ``program`` is the watcher.
"""
