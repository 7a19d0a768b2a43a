# shellcheck shell=bash
# Apps of Java sources without a build tool: Main.java at the root, jars of others in lib/.

compile_sources() {
  local sources
  mapfile -t sources < <(find . -name '*.java' -not -path './.*' | sort)
  step "Compiling ${#sources[@]} Java sources"
  detail "javac -d target/classes --class-path 'lib/*'"
  run javac -encoding UTF-8 -d target/classes --class-path 'lib/*' "${sources[@]}" || fail "javac failed: the sources do not compile"
  # A class of the default package, or of the one that the file names.
  local package
  package=$(sed -nE 's/^[[:space:]]*package[[:space:]]+([A-Za-z0-9_.]+)[[:space:]]*;.*/\1./p' Main.java | head -n 1)
  # shellcheck disable=SC2016
  web "java \$JAVA_OPTS -cp 'target/classes:lib/*' ${package}Main"
}
