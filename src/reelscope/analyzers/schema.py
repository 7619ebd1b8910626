"""The document with every analyzer's own fields, composed from the classes that are installed: its JSON Schema, and a check against it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from reelscope.analyzers.registry import INSTALLED, Registry
from reelscope.document.insights import insight_types
from reelscope.document.names import ANALYZER_NAMES, ANALYZER_TITLES
from reelscope.document.schema import SCHEMA_VERSION, AnalyzerEntry, Document, Insight, PluginEntry, Summary

__all__ = ["document_schema", "wrong_field"]

ABSENT = ("missing", "extra_forbidden")  # errors of keys that are there or not, as between two versions, not of what they hold


class NothingMeasured(Summary):
    """Summary of an analyzer without a result."""

    model_config = ConfigDict(extra="forbid")


class ByPlugins(BaseModel):
    """The nineteen, and whatever plugins added."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, PluginEntry]


def document_schema(registry: Registry = INSTALLED) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of analysis.json."""
    analyzers, insights = _analyzers_type(registry), _insights_type(or_untold=True)
    document = create_model(
        "ProductionDocument", __base__=Document, __doc__=Document.__doc__, analyzers=(analyzers, ...), insights=(insights, ...)
    )
    schema = document.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"reelscope production document, schema version {SCHEMA_VERSION}",
        **{k: v for k, v in schema.items() if k != "title"},
    }


def wrong_field(document: Document, registry: Registry = INSTALLED) -> str | None:
    """The first field that holds what no analyzer and no insight writes there, with what it should be; None where there is none.

    `Document` itself knows only what all analyzers have in common. A field that is missing is not wrong: older versions did not have all.
    """
    data = document.model_dump(mode="json")
    for part, kind in (("analyzers", _analyzers_type(registry)), ("insights", _insights_type(or_untold=False))):
        try:
            kind.model_validate(data[part])
        except ValidationError as error:
            for wrong in error.errors(include_url=False, include_input=False):
                if wrong["type"] not in ABSENT:
                    return f"{'.'.join(map(str, (part, *wrong['loc'])))}: {wrong['msg']}"
    return None


def _analyzers_type(registry: Registry) -> type[BaseModel]:
    return create_model("Analyzers", __base__=ByPlugins, **{name: (_entry_type(name, registry), ...) for name in ANALYZER_NAMES})


def _insights_type(*, or_untold: bool) -> type[BaseModel]:
    """or_untold: An insight may have no more than its status."""
    told: dict[str, Any] = {name: (kind | Insight if or_untold else kind, ...) for name, kind in insight_types().items()}
    return create_model("Insights", __config__=ConfigDict(extra="forbid"), **told)


def _entry_type(name: str, registry: Registry) -> Any:
    """AnalyzerEntry with the fields of this analyzer's result in place of the general ones."""
    kind = registry.analyzer(name)
    stem = "".join(part.capitalize() for part in name.split("_"))
    if kind is None:
        return AnalyzerEntry
    result = kind.Result
    fields: dict[str, Any] = {}
    for field in ("segments", "tracks", "series"):
        annotation = result.model_fields[field].annotation
        fields[field] = (annotation, [])
    summary = result.model_fields["summary"].annotation
    fields["summary"] = (summary | NothingMeasured if summary is not None else NothingMeasured, NothingMeasured())
    for extra, info in result.model_fields.items():
        if extra not in AnalyzerEntry.model_fields:
            fields[extra] = (info.annotation, None)
    return create_model(f"{stem}Entry", __base__=AnalyzerEntry, __doc__=ANALYZER_TITLES[name], **fields)
