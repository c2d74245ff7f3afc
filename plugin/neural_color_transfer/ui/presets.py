"""The row of presets; the one that is set is pressed."""

from __future__ import annotations

from collections.abc import Mapping

import gi
from nct_shared.params import describe

from .labels import PRESETS

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, Gtk  # noqa: E402  after the versions are chosen


class Presets(Gtk.Box):  # type: ignore[misc]
    """Buttons that set all parameters of a config: some to values of their own, the others to their defaults."""

    def __init__(self, config: Gimp.ProcedureConfig) -> None:
        super().__init__()
        self._config = config
        self._buttons: list[tuple[Gtk.ToggleButton, int]] = []
        self.get_style_context().add_class("linked")
        for label, tooltip, values in PRESETS:
            button = Gtk.ToggleButton(label=label, use_underline=True, tooltip_text=tooltip)
            self._buttons.append((button, button.connect("toggled", lambda _button, values: self._set(values), values)))
            self.pack_start(button, True, True, 0)
        self._show_active()
        followed = config.connect("notify", lambda *_: self._show_active())
        self.connect("destroy", lambda *_: config.disconnect(followed))

    def _set(self, values: Mapping[str, float]) -> None:
        for parameter in describe():
            self._config.set_property(parameter.name.replace("_", "-"), values.get(parameter.name, parameter.default))
        self._show_active()  # also where nothing has changed: the button that was pressed stays so

    def _show_active(self) -> None:
        for (button, handler), (_label, _tooltip, values) in zip(self._buttons, PRESETS):
            button.handler_block(handler)
            button.set_active(self._is_set(values))
            button.handler_unblock(handler)

    def _is_set(self, values: Mapping[str, float]) -> bool:
        return all(self._config.get_property(parameter.name.replace("_", "-")) == values.get(parameter.name, parameter.default) for parameter in describe())
