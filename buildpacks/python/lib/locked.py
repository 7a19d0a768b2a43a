"""
Makes requirements for pip from the lock file of another tool: what is locked for this machine, without development packages.

    locked.py FILE FOLDER          writes hashed.txt (exact versions with hashes) and others.txt (folders, git repositories, URLs)
    locked.py --is-project FILE    status 0 when the tool would install the app itself as well

What it can't read as the tool would is an error, never left out.
"""
import json
import os
import sys
import tomllib

from pip._vendor.packaging.markers import InvalidMarker, Marker
from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.utils import canonicalize_name

PYPI = ("https://pypi.org/simple", "https://pypi.python.org/simple")


def main(arguments):
    if arguments[0] == "--is-project":
        sys.exit(0 if is_project(arguments[1]) else 1)
    file, folder = arguments
    requirements = list({"Pipfile.lock": pipenv, "poetry.lock": poetry, "uv.lock": uv}[file]())
    hashed = [line for line in requirements if "--hash=" in line]
    indexes = [line for line in requirements if line.startswith(("--extra-index-url", "--find-links"))]
    others = [line for line in requirements if line not in hashed and line not in indexes]
    for name, lines in (("hashed.txt", hashed), ("others.txt", others)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as list_file:
            list_file.writelines(f"{line}\n" for line in ([*sorted(set(indexes)), *sorted(lines)] if lines else []))


def pipenv():
    lock = read("Pipfile.lock", json.load)
    for source in lock.get("_meta", {}).get("sources", []):
        yield from index_of(os.path.expandvars(source["url"]))
    for name, entry in lock.get("default", {}).items():
        if not applies(entry.get("markers")):
            continue
        if "git" in entry:
            yield f"{name} @ git+{entry['git']}@{entry['ref']}{subdirectory(entry.get('subdirectory'))}"
        elif "file" in entry:
            yield f"{name} @ {entry['file']}"
        elif "path" in entry:
            yield local(entry["path"], entry.get("editable"))
        else:
            yield pinned(name, entry["version"].removeprefix("=="), entry.get("hashes", []))


def poetry():
    lock = read("poetry.lock", tomllib.load)
    packages = lock.get("package", [])
    old_files = lock.get("metadata", {}).get("files", {})
    wanted = None if all("groups" in package for package in packages) else poetry_main(packages)
    seen = {}
    for package in packages:
        name = canonicalize_name(package["name"])
        if wanted is None:
            if package.get("optional") or "main" not in package["groups"] or not applies(poetry_marker(package)):
                continue
        elif name not in wanted or package.get("optional"):
            continue
        if name in seen:
            fail(f"poetry.lock has {name} in the versions {seen[name]} and {package['version']}, and does not say which one is for this machine: run 'poetry lock' with Poetry 2")
        seen[name] = package["version"]
        source = package.get("source", {})
        match source.get("type"):
            case "git":
                yield f"{name} @ git+{source['url']}@{source['resolved_reference']}{subdirectory(source.get('subdirectory'))}"
            case "directory":
                yield local(source["url"], package.get("develop"))
            case "url":
                yield f"{name} @ {source['url']}"
            case "file":
                yield local(source["url"], False)
            case kind:
                if kind == "legacy":
                    yield from index_of(source["url"])
                files = package.get("files") or old_files.get(package["name"], [])
                yield pinned(name, package["version"], [file["hash"] for file in files])


def poetry_marker(package):
    """Text, or a table by group where the groups differ."""
    markers = package.get("markers")
    return markers.get("main") if isinstance(markers, dict) else markers


def poetry_main(packages):
    """Names of the packages that the app's own dependencies need: lock files of Poetry before 2 do not say which groups a package is in."""
    project = read("pyproject.toml", tomllib.load)
    names = [canonicalize_name(name) for name, wish in project.get("tool", {}).get("poetry", {}).get("dependencies", {}).items() if wished(wish)]
    for text in project.get("project", {}).get("dependencies", []):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.append(canonicalize_name(requirement.name))
    edges = {}
    for package in packages:
        needs = package.get("dependencies", {}).items()
        edges.setdefault(canonicalize_name(package["name"]), []).extend(canonicalize_name(name) for name, wish in needs if wished(wish))
    return reached(names, lambda name: edges.get(name, []))


def wished(wish):
    if isinstance(wish, list):
        return any(wished(one) for one in wish)
    return not isinstance(wish, dict) or (not wish.get("optional") and applies(wish.get("markers")))


def uv():
    lock = read("uv.lock", tomllib.load)
    packages = lock.get("package", [])
    by_name = {}
    for package in packages:
        by_name.setdefault(package["name"], []).append(package)
    root = uv_root(packages)
    if root is None:
        fail('uv.lock has no package for the root of the repository (source = { virtual = "." } or { editable = "." })')

    def needs(key):
        package, extras = uv_package(by_name, key), key[3]
        edges = [*package.get("dependencies", [])]
        for extra in extras:
            edges += package.get("optional-dependencies", {}).get(extra, [])
        return [uv_key(edge, by_name) for edge in edges if applies(edge.get("marker"))]

    start = (root["name"], root.get("version"), json.dumps(root["source"]), ())
    keys = {key[:3] for key in reached([start], needs)} - {start[:3]}
    for key in keys:
        yield from uv_requirement(uv_package(by_name, key))


def uv_root(packages):
    return next((package for package in packages if "." in (package["source"].get("virtual"), package["source"].get("editable"))), None)


def uv_key(edge, by_name):
    """An edge names version and source only where the lock file has several packages of the name."""
    package = next((one for one in by_name.get(edge["name"], []) if edge.get("version", one.get("version")) == one.get("version") and edge.get("source", one["source"]) == one["source"]), None)
    if package is None:
        fail(f"uv.lock names {edge['name']} as a dependency and has no such package")
    return (package["name"], package.get("version"), json.dumps(package["source"]), tuple(edge.get("extra", ())))


def uv_package(by_name, key):
    return next(package for package in by_name[key[0]] if (package.get("version"), json.dumps(package["source"])) == key[1:3])


def uv_requirement(package):
    name, source = package["name"], package["source"]
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    match source:
        case {"registry": registry}:
            if registry.startswith(("http://", "https://")):
                yield from index_of(registry)
            else:
                yield f"--find-links {registry}"
            yield pinned(name, package["version"], [file["hash"] for file in files if "hash" in file])
        case {"git": url}:
            address, _, commit = url.partition("#")
            yield f"{name} @ git+{address.partition('?')[0]}@{commit}"
        case {"url": url}:
            yield f"{name} @ {url}"
        case {"editable": path}:
            yield local(path, True)
        case {"directory": path} | {"path": path}:
            yield local(path, False)
        case {"virtual": _}:
            pass
        case _:
            fail(f"uv.lock has {name} from a source that is not supported: {json.dumps(source)}")


def reached(start, edges_of):
    found, waiting = set(), list(start)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(edges_of(one))
    return found


def pinned(name, version, hashes):
    if not hashes:
        return f"{name}=={version}"
    return " ".join([f"{name}=={version}", *sorted(f"--hash={one}" for one in hashes)])


def local(path, editable):
    path = path if path.startswith((".", "/")) else f"./{path}"
    return f"--editable={path}" if editable else path


def subdirectory(path):
    return f"#subdirectory={path}" if path else ""


def index_of(url):
    if url.rstrip("/") not in PYPI:
        yield f"--extra-index-url {url}"


def applies(marker):
    return not marker or Marker(marker).evaluate({"extra": ""})


def is_project(file):
    project = read("pyproject.toml", tomllib.load)
    if file == "uv.lock":
        root = uv_root(read("uv.lock", tomllib.load).get("package", []))
        return root is not None and "editable" in root["source"]
    return "build-system" in project and project.get("tool", {}).get("poetry", {}).get("package-mode", True)


def read(file, load):
    try:
        with open(file, "rb") as opened:
            return load(opened)
    except FileNotFoundError:
        fail(f"{file} is missing")
    except ValueError as error:
        fail(f"{file} can't be read: {error}")


def fail(text):
    sys.exit(f" !     {text}")


try:
    main(sys.argv[1:])
except (KeyError, AttributeError, TypeError, InvalidMarker, InvalidRequirement) as error:
    fail(f"{sys.argv[-2]} is not as its tool writes it ({type(error).__name__}: {error}): lock again with the tool's current version")
