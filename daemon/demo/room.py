"""The room before the demo's camera: who or what stands there, in the light of the simulated ring."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from daemon.demo.people import Person, Studio
from hw.camera.simulated_light import RoomLight
from hw.camera.simulated_scene import Act, Kind, Scene


class Room:
    """One simulated camera's view. ``light`` is what the ring of a simulated co-processor shines into."""

    def __init__(self, folder: Path, studio: Studio) -> None:
        """An empty room, kept in two files of ``folder``."""
        self._folder, self._studio = folder, studio
        self.light = RoomLight(folder / "room-light.json")
        self._scene = Scene()
        self.show(self._scene)

    @property
    def uri(self) -> str:
        """As a configuration names the camera."""
        files = f"scene={self._folder}/room.json&light={self._folder}/room-light.json"
        return f"sim:person?{files}&width=320&height=240&fps=15"

    def stand(self, person: Person | None, kind: Kind = Kind.LIVE, act: Act = Act.STILL) -> None:
        """``person`` stands there, or her picture as an attack of that kind; None: nobody. She begins to ``act``."""
        self.show(Scene() if person is None else self._studio.scene(person, kind, act))

    def obey(self, act: Act) -> None:
        """Whoever stands there does what is asked, as well as a picture can."""
        self.show(replace(self._scene, act=act))

    def show(self, scene: Scene) -> None:
        """The room is this scene from the next frame on."""
        self._scene = scene
        new = self._folder / "room.new"
        new.write_text(scene.to_json(), "utf-8")
        new.replace(self._folder / "room.json")
