# shellcheck shell=bash
# Apps with Gradle's wrapper, as Heroku builds them. The wrapper downloads Gradle: it needs the network.

build_with_gradle() {
  [ -f gradlew ] || fail "there is no gradlew: commit Gradle's wrapper (gradle wrapper), Debian's Gradle is too old for today's Java"
  chmod +x gradlew
  export GRADLE_USER_HOME=$CACHE_DIR/gradle
  export GRADLE_OPTS="-Dorg.gradle.daemon=false -Dorg.gradle.console=plain $(network_options | tr '\n' ' ') ${GRADLE_OPTS:-}"
  local task=${GRADLE_TASK:-} words
  if [ -z "$task" ]; then
    if grep -qsE '^[[:space:]]*(task[[:space:]]+stage|tasks\.(register|create)\(?["'\'']?stage|val stage)' build.gradle build.gradle.kts; then task=stage; else task="build -x check"; fi
  fi
  # Words of the app's author.
  # shellcheck disable=SC2206
  words=($task)
  step "Building Gradle app"
  detail "executing ./gradlew ${words[*]}"
  run ./gradlew "${words[@]}" || {
    grep -qE 'Compilation failed' /tmp/output && fail "Failed to run Gradle: the sources do not compile"
    grep -qE 'UnknownHostException|ConnectException|SocketTimeoutException|Could not (GET|HEAD|resolve)' /tmp/output && fail "Failed to run Gradle: Gradle or a module could not be downloaded, and its wrapper works with the network only"
    fail "Failed to run Gradle (./gradlew ${words[*]})"
  }
  rm -rf .gradle
  find_jar build/libs
}
