"""The spoken prompts: how they are made. What is heard lies in ``static/voice``."""
