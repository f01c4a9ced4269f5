"""Explanations of the diagnostics about program directories, for `snnc explain`."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN900": (
        "The output directory cannot be made because a file of that name, or of the name of a "
        "folder above it, is in the way. Choose another directory, or move the file."
    ),
    "SN901": (
        "The output directory cannot be written: the place is read-only, belongs to somebody "
        "else, or the system reported another fault, which the message quotes. What was there "
        "before is unchanged. Choose a directory you may write to."
    ),
    "SN902": (
        "The disk (or your quota) is full. Nothing half-written was left, and what was there "
        "before is unchanged. Free some space or choose another disk."
    ),
    "SN903": (
        "The output directory holds files that snnc did not write: it belongs to another tool, or "
        "files were added to a program directory by hand. Replacing it would delete them. Choose "
        "another directory, or pass --force to replace it with everything in it."
    ),
    "SN904": (
        "The output directory is the current directory, the home directory, or one above them. "
        "Writing a program replaces its directory as a whole, so snnc refuses this even with "
        "--force. Name a sub-folder."
    ),
    "SN905": (
        "There is no program at this place: the directory is missing, or has no manifest.json. "
        "A program directory is what `snnc compile -o DIR` writes."
    ),
    "SN906": (
        "The manifest of a program directory cannot be used: it is truncated, is not what snnc "
        "writes, or belongs to a newer version of snnc. Compile the model again, or update snnc."
    ),
    "SN907": (
        "The files of a program directory are not those that were written: one is missing, was "
        "added, or differs in size or digest from what the manifest says. The program might "
        "compute something else than what was checked, so snnc does not run it. Compile again, "
        "or move files of your own out of the directory."
    ),
    "SN908": (
        "A manifest names a file outside the program directory, or one in a way that differs "
        "between systems. A program made by snnc never does; do not use it."
    ),
    "SN909": (
        "The golden inputs and spike counts of a program, with which a target checks itself, are "
        "missing or not of the form snnc writes. Compile the model again."
    ),
}
