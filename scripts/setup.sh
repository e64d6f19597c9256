#!/usr/bin/env bash
# Installs what building and testing need and is not there yet. Idempotent: a step that is already
# done costs a test of a file and prints nothing.
#
#   scripts/setup.sh [build|test|deny]
#
# build  Rust toolchain, C compiler, make, pkg-config, the pdfium library
# test   the same and cargo-nextest
# deny   the same as build and cargo-deny
#
# ASSUME_YES=1    install system packages with sudo without asking
# SEMANTIK_CACHE  where downloads live (default: .cache in the checkout)
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
what="${1:-build}"
cache="${SEMANTIK_CACHE:-$root/.cache}"
pdfium_version=5.15.2
nextest_version=0.9.143
deny_version=0.20.2

say() { printf 'setup: %s\n' "$*"; }
die() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# Keeps a step's output for the case that it fails; a good step stays quiet.
quietly() {
  local log
  log="$(mktemp)"
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
    return
  fi
  has sudo || die "'$*' needs root and sudo is not installed; run it as root, then call this again"
  if [ "${ASSUME_YES:-0}" != 1 ]; then
    [ -t 0 ] || die "'sudo $*' is needed; run it yourself, or set ASSUME_YES=1 to let this script do it"
    local answer
    read -r -p "setup: may I run 'sudo $*'? [y/N] " answer
    case "$answer" in
      y | Y | yes) ;;
      *) die "not run; install the packages yourself, then call this again" ;;
    esac
  fi
  sudo "$@"
}

# Debian package names for the programs that are missing.
missing_packages() {
  local packages=()
  if ! has cc && ! has gcc; then packages+=(gcc libc6-dev); fi
  has make || packages+=(make)
  has pkg-config || packages+=(pkg-config)
  # The client libraries of the tests live in an environment of their own.
  if [ "$what" = test ] && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then packages+=(python3-venv); fi
  if [ ! -e "$cache/pdfium/lib/libpdfium.so" ]; then
    has python3 || packages+=(python3)
    { has python3 && python3 -m pip --version >/dev/null 2>&1; } || packages+=(python3-pip)
  fi
  printf '%s\n' "${packages[@]:-}"
}

system_packages() {
  local packages
  mapfile -t packages < <(missing_packages | sed '/^$/d')
  [ "${#packages[@]}" -eq 0 ] && return
  has apt-get || die "missing: ${packages[*]}" \
    "there is no apt-get here; install them (Debian's names) with this system's package manager"
  say "installing ${packages[*]} with apt-get"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

rust_toolchain() {
  if ! has cargo; then
    die "cargo is not installed" \
      "install rustup (https://rustup.rs, or 'apt-get install rustup' where it is packaged)," \
      "open a new shell and call this again; rust-toolchain.toml then picks the version"
  fi
  if cargo --version >/dev/null 2>&1; then return; fi
  has rustup || die "cargo does not start and rustup is not installed; see 'cargo --version'"
  say "installing the Rust toolchain that rust-toolchain.toml names"
  quietly rustup toolchain install || die "rustup could not install the toolchain; see above"
}

# The wheel of the pinned version for this machine, by hash: an unknown machine is refused, because
# nothing is run here that has not been pinned.
pdfium_wheel() {
  local libc=manylinux_2_17
  if has ldd && ldd --version 2>&1 | grep -qi musl; then libc=musllinux_1_2; fi
  case "$(uname -s)-$(uname -m)-$libc" in
    Linux-x86_64-manylinux_2_17) echo manylinux_2_17_x86_64 dc31aea5b0fb9fefc9b537a65f4113980b2c40798445736a7e6565bc85161e37 ;;
    Linux-aarch64-manylinux_2_17) echo manylinux_2_17_aarch64 dd46e93c0c3a73f6cea8489baff6d77a5d0759dd53fbbce0aeb49c91830176fc ;;
    Linux-x86_64-musllinux_1_2) echo musllinux_1_2_x86_64 ef452a7178744196d4ff97029f46b56a13817346fc7ee0473c75643512276b3a ;;
    Linux-aarch64-musllinux_1_2) echo musllinux_1_2_aarch64 71ba93a356708cb2a7b1a82dbc2c07ddb62c501e35bb6a67c7323e1da6ae9cb7 ;;
    *) return 1 ;;
  esac
}

pdfium() {
  [ -e "$cache/pdfium/lib/libpdfium.so" ] && return
  local pinned platform sha256 temp
  pinned="$(pdfium_wheel)" || die "no pinned pdfium library for $(uname -s) $(uname -m)" \
    "put a libpdfium.so of your own into $cache/pdfium/lib/ and call this again"
  read -r platform sha256 <<<"$pinned"
  say "fetching the pdfium library (8 MB, pypdfium2 $pdfium_version for $platform)"
  mkdir -p "$cache/pdfium/lib"
  temp="$(mktemp -d "$cache/pdfium/fetch.XXXXXX")"
  printf 'pypdfium2==%s --hash=sha256:%s\n' "$pdfium_version" "$sha256" >"$temp/requirements.txt"
  if ! quietly python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary=:all: --platform "$platform" --dest "$temp" --requirement "$temp/requirements.txt"; then
    rm -rf "$temp"
    die "pip could not fetch pypdfium2 $pdfium_version; its message is above"
  fi
  python3 - "$temp" <<'PYTHON'
import glob, sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(glob.glob(folder + "/*.whl")[0]) as wheel, open(folder + "/libpdfium.so", "wb") as out:
    out.write(wheel.read("pypdfium2_raw/libpdfium.so"))
PYTHON
  mv "$temp/libpdfium.so" "$cache/pdfium/lib/libpdfium.so"
  rm -rf "$temp"
}

# Programs of cargo's own registry; built once into the cache.
cargo_tool() {
  local name="$1" version="$2"
  if has "$name" || [ -x "$cache/tools/bin/$name" ]; then return; fi
  say "building $name $version into $cache/tools (some minutes, once)"
  quietly cargo install --locked --quiet --root "$cache/tools" --version "$version" "$name" ||
    die "cargo could not build $name; its message is above"
}

case "$what" in
  build | test | deny) ;;
  *) die "unknown argument '$what'; use build, test or deny" ;;
esac
system_packages
rust_toolchain
pdfium
case "$what" in
  test) cargo_tool cargo-nextest "$nextest_version" ;;
  deny) cargo_tool cargo-deny "$deny_version" ;;
esac
