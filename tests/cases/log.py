"""Messages in a report."""

from toque_node.resources.log import Log

NOT = {
    "absent": "what was said cannot be unsaid",
    "unmanaged": "a message has one aspect, its text",
    "sensitive": "a message is there to be shown; a secret is refused when it is declared",
    "absent_tool": "no program is run for it",
}


def present(node):
    assert node.leaves(Log("here we are")).notes == ("here we are",)
