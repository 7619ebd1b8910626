"""docs/exports/tables.md, generated from the columns."""

from __future__ import annotations

from collections.abc import Iterable

from reelscope.document.exports.tables.columns import BOX, OWN, SEGMENTS, TABLES, TYPED, TableColumn

__all__ = ["tables_reference"]

HEAD = """# Tables: CSV, JSON lines, Parquet

Generated from the columns; do not edit.

`reelscope export analysis.json --to csv,jsonl,parquet` writes the same three tables in each format:

| table | a row for each | columns |
|---|---|---|
| `shots` | shot: the shot list of an editor | {shots} |
| `segments` | segment of every analyzer | {segments} |
| `analyzers` | analyzer, whatever its status: what ran, how, and why the others have no segments | {analyzers} |

One clip gives one set of files; `reelscope table DIR` makes one table of many clips, a row each (docs/table.md). Tables of several clips
can be put one below the other: `analysis_id` and `sha256` stand in every row. Columns are added, never renamed. Rows stand in the
document's order.

## How segments are laid out

Nineteen analyzers have some 150 different fields. One column for each would be a sheet nobody can read; one row for each value
would tear a segment apart. So:

- {own} columns say whose segment it is, when it is and in which shot.
- {typed} typed columns hold the fields that people filter by and other programs rely on, **under the name that they have in the document**
  (`kind`, `label`, `text`, `move`, `at_camera`, ...). A column is blank for an analyzer that has no such field.
- The box `xywh_norm` has four columns.
- `fields` holds every other field of the segment as JSON, nulls with their reasons too. Nothing is lost, and nothing stands there twice.

A field whose value has another type than its column's stays in `fields`. So does a field that is named like one of the first columns: the
`index` of a scene, the `status` of a segment of qwen2_vl_temporal. Tracks and series are not segments; they stand in the document.

```python
import pyarrow.parquet as pq
segments = pq.read_table("segments.parquet").to_pandas()
segments[(segments.analyzer == "cut_analysis") & (segments.kind == "cut")].start_s
```

## Where counting begins

At 0, as in the document, with one exception: `shots.number` counts from 1, as people and the report do. It is there to be read.

| to join | with |
|---|---|
| `segments.shot` | `shots.index`, never `shots.number`, which is one more |
| `shots.scene` | `segments.index` of scene_segmentation |
| `speaker`, `utterance`, `face` | the same column of other rows |
| `track_id` | the same column of rows of the same analyzer: each has its own numbers, text_overlay's from 1 |

`segments.shot` is `shots.index`, and `segments.analyzer` is `analyzers.analyzer`.

## Nulls

What was not measured is null: an empty cell in CSV, `null` in JSON lines, null in Parquet. It is never NaN, 0 or a word. An empty list is
no null: it was looked for, and nothing was found. In CSV, where the two look alike, the status in `analyzers` tells them apart. A table
without rows has its header in CSV, its schema in Parquet, and no bytes in JSON lines.

## The formats

| | CSV | JSON lines | Parquet |
|---|---|---|---|
| text | UTF-8 without a mark, quoted as in RFC 4180 | JSON, not escaped to ASCII | `string` |
| whole number, number, yes or no | as in the document; `true`, `false` | JSON | `int64`, `double`, `bool` |
| list of texts | joined by ` \\| ` | list | `list<string>` |
| JSON (`fields`, `summary`, `options`, `palette_shares`) | JSON text | JSON as it is | `string` of JSON, `format: json` in its metadata |
| unit and meaning | | | metadata of the field |

The words in a clip are somebody else's, and a spreadsheet runs a cell that begins like a formula. In CSV such a cell gets an apostrophe
before it, as in docs/table.md, which says how to take it away again. The other two formats have texts as they are. Excel takes at most
32,767 characters in a cell and cuts off longer ones: a `summary` can be longer.

"""


def tables_reference() -> str:
    """The page: how the tables are laid out, and every column with type, unit and meaning."""
    counts = {name: len(columns) for name, columns in TABLES.items()}
    head = HEAD.format(own=len(OWN), typed=len(TYPED), **counts)
    last = SEGMENTS[len(OWN) + len(TYPED) + len(BOX) :]
    parts = [
        "## shots\n\n" + _rows(TABLES["shots"]),
        "## segments\n\n" + _rows(OWN),
        "The fields of analyzers:\n\n" + _rows((*TYPED, *BOX)),
        "At the end:\n\n" + _rows(last),
        "## analyzers\n\n" + _rows(TABLES["analyzers"]),
    ]
    return head + "\n".join(parts)


def _rows(columns: Iterable[TableColumn]) -> str:
    lines = ["| column | type | unit | what |", "|---|---|---|---|"]
    lines += [f"| `{c.name}` | {c.kind} | {c.unit} | {c.meaning} |" for c in columns]
    return "\n".join(lines) + "\n"
