"""The choice of the device that computes."""

from __future__ import annotations

from collections.abc import Iterable

import gi
from nct_shared.messages import Device

from .language import _

gi.require_version("Gimp", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, Gtk  # noqa: E402  after the versions are chosen


class DeviceChoice(Gtk.ComboBoxText):  # type: ignore[misc]
    """Sets the argument "device" of a config, and follows it."""

    def __init__(self, config: Gimp.ProcedureConfig) -> None:
        super().__init__()
        self._config = config
        self._offered: set[str] = set()
        self.offer([Device("auto", _("Automatic")), Device("cpu", _("Processor only"))])
        self._follow()
        self.connect("changed", lambda *_: config.set_property("device", self.get_active_id()))
        followed = config.connect("notify::device", lambda *_: self._follow())
        self.connect("destroy", lambda *_: config.disconnect(followed))

    def offer(self, devices: Iterable[Device]) -> None:
        """Adds devices that are not in the list yet."""
        for device in devices:
            if device.id not in self._offered:
                self._offered.add(device.id)
                self.append(device.id, device.name)

    def _follow(self) -> None:
        wanted = self._config.get_property("device") or "auto"
        self.offer([Device(wanted, wanted)])  # perhaps of another machine: the worker says so
        if self.get_active_id() != wanted:
            self.set_active_id(wanted)
