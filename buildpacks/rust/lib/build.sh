# shellcheck shell=bash
# The app's programs, in target/release as cargo leaves them; nothing else of target/ is shipped.

build_app() {
  local flags=(--release)
  if [ -f Cargo.lock ]; then
    flags+=(--locked)
  else
    warn "no Cargo.lock: versions may differ from those you tested with. Commit one: cargo generate-lockfile"
  fi
  # What cargo vendor made, without the lines of .cargo/config.toml that it prints.
  if compgen -G 'vendor/*/.cargo-checksum.json' >/dev/null; then
    flags+=(--offline)
    detail "Using the crates in vendor/"
    grep -qs 'source.crates-io' .cargo/config.toml .cargo/config || flags+=(--config 'source.crates-io.replace-with="vendored-sources"' --config 'source.vendored-sources.directory="vendor"')
  fi
  # Words of the app's author.
  # shellcheck disable=SC2206
  flags+=(${RUST_CARGO_BUILD_FLAGS:-})
  forget_other_rust
  # Cargo takes what is older than the last build for unchanged, and files have the time of their commit: an older commit is a change too.
  find . -path ./vendor -prune -o -type f -exec touch {} +
  step "Building application using Cargo"
  detail "cargo build ${flags[*]}"
  # Diagnostics, which it writes to stderr, are shown; what it made is told on stdout, for us.
  cargo build "${flags[@]}" --message-format=json-render-diagnostics 2>&1 >/tmp/artifacts | tee /tmp/output | indent || {
    explain
    fail "cargo build failed: the app does not compile"
  }
  ship
}

# Of another version of Rust, everything would stay beside what is made anew.
forget_other_rust() {
  local version
  version=$(rustc --version --verbose)
  [ "$(cat "$CARGO_TARGET_DIR/.rustc" 2>/dev/null)" = "$version" ] || rm -rf "$CARGO_TARGET_DIR"
  mkdir -p "$CARGO_TARGET_DIR"
  echo "$version" >"$CARGO_TARGET_DIR/.rustc"
}

explain() {
  if grep -qE 'the lock file .* needs to be updated|cannot update the lock file' /tmp/output; then
    fail "Cargo.lock is not what Cargo.toml says: run cargo update --workspace and commit it"
  elif grep -qE 'no matching package named|failed to select a version' /tmp/output && [ -d vendor ]; then
    fail "vendor/ does not have all crates of Cargo.lock: run cargo vendor and commit it"
  elif grep -qE "failed to (get|download|query|load source)|Could not resolve host|Couldn't connect|Unable to update registry|spurious network error" /tmp/output; then
    fail "crates could not be downloaded: commit them (cargo vendor), or name a registry in reach in .cargo/config.toml"
  fi
}

# Copies the programs that were built, and notes which services they are.
ship() {
  local program main name service
  rm -rf target
  mkdir -p target/release .flynn/rust
  mapfile -t PROGRAMS < <(jq -r 'select(.reason == "compiler-artifact" and .executable != null and (.target.kind | index("bin"))) | .executable' /tmp/artifacts)
  [ ${#PROGRAMS[@]} -gt 0 ] || fail "the build made no program: a library alone can't be run, add src/main.rs or a [[bin]]"
  main=$(cargo metadata --no-deps --offline --format-version 1 2>/dev/null | jq -r '[.packages[].default_run | strings][0] // empty')
  detail "Built the following programs:"
  : >.flynn/rust/services
  for program in "${PROGRAMS[@]}"; do
    cp "$program" target/release/
    name=${program##*/}
    detail "  ./target/release/$name"
    service=$name
    if [ ${#PROGRAMS[@]} -eq 1 ] || [ "$name" = "$main" ]; then service=web; fi
    echo "$service ./target/release/$name" >>.flynn/rust/services
  done
}
