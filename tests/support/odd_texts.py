"""Texts that ask for trouble."""

ODD = 'قطعة <b>"1"</b> [x](http://a) & `:red[$y$]`.png'
"""A file name: right-to-left, markup, Markdown, quotes."""

LONG = "<script>alert(1)</script> **loud** " + "ü" * 50_000
"""A rationale of more than 50 kB, with markup."""
