"""HTML pages that open without a server or network: templates, style, scripts, and their filler."""
