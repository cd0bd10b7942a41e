"""Header rows that are carried to the next part of a table."""

from mmrank.ingest.continued import _headed
from mmrank.types import Cell, Table


def test_a_carried_cell_spans_no_more_rows_than_are_carried() -> None:
    first = Table(9, 2, (Cell("Port", 0, 0, row_span=9, header=True), Cell("Depth", 0, 1, header=True)))
    second = Table(2, 2, (Cell("Lunna", 0, 0), Cell("3.8", 0, 1), Cell("Voe", 1, 0), Cell("4.1", 1, 1)))
    joined = _headed(first, second)
    assert joined.row_count == 3
    assert all(cell.row + cell.row_span <= joined.row_count for cell in joined.cells)
