"""The words of a grammar. Stands alone, because workers need it and should import nothing else."""


def vocabulary(grammar: str) -> list[str]:
    """Return the words of one of our JSGF grammars, sorted."""
    text = grammar.partition("grammar g;")[2]
    for sign in "()[]|;=<>":
        text = text.replace(sign, f" {sign} ")
    words: set[str] = set()
    inside = False
    for piece in text.split():
        if piece in "<>":
            inside = piece == "<"
        elif not inside and piece not in "()[]|;=" and piece != "public":
            words.add(piece)
    return sorted(words)
