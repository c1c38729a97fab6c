"""Recipes become plans here: cookbooks, attributes, templates, and the compiler."""
