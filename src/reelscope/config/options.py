"""Check the options of analyzers against what each analyzer declares, with the place where a wrong one was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from reelscope.config.load import LoadedSettings, Origin
from reelscope.document.names import ANALYZER_NAMES
from reelscope.errors import ConfigError, PluginError, nearest

__all__ = ["with_options"]


def with_options(loaded: LoadedSettings, options_of: Callable[[str], type[BaseModel] | None]) -> LoadedSettings:
    """The same settings with every option converted to its type.

    Args:
        loaded: Settings whose `analysis.options` may hold text (environment, flags).
        options_of: Gives an analyzer's Options, None where the analyzer is not part of this version.

    Raises:
        ConfigError: An option that the analyzer does not have, or a value that it does not take.
    """
    typed: dict[str, dict[str, Any]] = {}
    for name, given in loaded.settings.analysis.options.items():
        origins = {key: loaded.origins[f"analysis.options.{name}.{key}"] for key in given}
        if name not in ANALYZER_NAMES and not loaded.settings.plugins.enabled:
            origin = next(iter(origins.values()))
            raise ConfigError(f"{origin}: {name} is a plugin's, and plugins are switched off", hint="set plugins.enabled to true")
        try:
            model = options_of(name)
        except PluginError:  # the plan tells it, and the others go on
            typed[name] = given
            continue
        if model is None:
            origin = next(iter(origins.values()))
            raise ConfigError(
                f"{origin}: {name} takes no options, it is not part of this version", hint="'reelscope analyzers' tells what is"
            )
        typed[name] = {key: _option(model, name, key, value, origins[key]) for key, value in given.items()}
    analysis = loaded.settings.analysis.model_copy(update={"options": typed})
    return LoadedSettings(loaded.settings.model_copy(update={"analysis": analysis}), loaded.origins)


def _option(model: type[BaseModel], name: str, key: str, value: Any, origin: Origin) -> Any:
    field = model.model_fields.get(key)
    if field is None:
        known = ", ".join(model.model_fields) or "none"
        raise ConfigError(
            f"{origin}: {name} has no option {key!r}{nearest(key, model.model_fields)}",
            code="unknown_option",
            hint=f"options of {name}: {known}",
        )
    annotation: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    text = isinstance(value, str) and origin.layer in ("environment", "flag")
    try:
        if text and adapter.json_schema().get("type") == "array":
            return adapter.validate_python([part.strip() for part in value.split(",") if part.strip()])
        return adapter.validate_strings(value.strip()) if text else adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        shown = value if text else json.dumps(value, default=str)
        raise ConfigError(f"{origin}: {name}.{key} = {shown}: {said}", hint=field.description) from error
