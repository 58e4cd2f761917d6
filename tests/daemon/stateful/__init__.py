"""The running unit under any order of touches, cards, presses, pulled cables and power cuts; judged from outside."""
