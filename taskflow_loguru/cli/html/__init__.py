"""``report --html``: one page that includes its styles, scripts and figures, and needs no network.

``chart.umd.min.js`` is Chart.js 4.6.1 from npm, unchanged; its licence (MIT) is beside it, and in each page.
"""

from .page import render_page
from .timeline import Timeline

__all__ = ["Timeline", "render_page"]
