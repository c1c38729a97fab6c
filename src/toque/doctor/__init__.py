"""What is wrong with a site, by facts that a node has told and what is seen from here.  Pure."""
