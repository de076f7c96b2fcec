"""The errors that users see."""


class InputError(ValueError):
    """Something given from outside is wrong: an argument, a file, a setting.

    The text is one line: what, where, which value, what would be right. The
    command line prints it behind ``eqchip: error:`` and exits with status 2.
    """
