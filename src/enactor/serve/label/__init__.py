"""Labelling: people judge recorded requests on a local page, and what they correct becomes rows.

In: a `TraceStore`'s folder. Out: label events in its feedback file, the annotators' agreement, and `Row`s of
what was corrected (`labelled_rows`). `Desk` is all of it without HTTP, `make_app` the page.
"""

from enactor.serve.label.agreement import Agreement, agreements, cohen_kappa
from enactor.serve.label.desk import Desk, Refused
from enactor.serve.label.journal import Journal
from enactor.serve.label.labels import Label, Labels
from enactor.serve.label.queue import Entry, Queue, Sign, doubts
from enactor.serve.label.rows import Rows, Unfit, corrected_row, labelled_rows
from enactor.serve.label.web import listen, make_app, make_routes, serve

__all__ = [
    "Agreement",
    "Desk",
    "Entry",
    "Journal",
    "Label",
    "Labels",
    "Queue",
    "Refused",
    "Rows",
    "Sign",
    "Unfit",
    "agreements",
    "cohen_kappa",
    "corrected_row",
    "doubts",
    "labelled_rows",
    "listen",
    "make_app",
    "make_routes",
    "serve",
]
