# shellcheck shell=bash
# Apps with a pom.xml, as Heroku builds them: the wrapper of the repository, else Debian's Maven.

build_with_maven() {
  local maven=mvn words=() goals
  if [ -f mvnw ]; then
    chmod +x mvnw
    maven=./mvnw
    export MAVEN_USER_HOME=$CACHE_DIR/maven
    # Before 3.3.3 the wrapper that needs no jar looks for what it fetched in here only.
    mkdir -p "$MAVEN_USER_HOME/wrapper" ~/.m2
    ln --symbolic --force --no-dereference "$MAVEN_USER_HOME/wrapper" ~/.m2/wrapper
  else
    grep -q '^[[:space:]]*maven.version' system.properties 2>/dev/null && warn "maven.version in system.properties is not read: commit Maven's wrapper (mvn wrapper:wrapper) for a version of your own"
  fi
  # Two lines for each of hundreds of downloads help nobody.
  export MAVEN_OPTS="${MAVEN_JAVA_OPTS:--Xmx512m} $(network_options | tr '\n' ' ') -Dorg.slf4j.simpleLogger.log.org.apache.maven.cli.transfer.Slf4jMavenTransferListener=warn"
  # What is in .mvn/maven.config of the repository (-o, a repository of its own) counts before ours.
  grep -qs 'maven.repo.local' .mvn/maven.config || words+=("-Dmaven.repo.local=$CACHE_DIR/maven/repository")
  words+=(--batch-mode -DskipTests)
  # When a jar was made is in it: the same source would give another one each time.
  words+=("-Dproject.build.outputTimestamp=$(date --utc --date="@$(source_time)" +%Y-%m-%dT%H:%M:%SZ)")
  [ -n "${MAVEN_SETTINGS_PATH:-}" ] && words+=(--settings "$MAVEN_SETTINGS_PATH")
  [ -z "${MAVEN_SETTINGS_PATH:-}" ] && [ -f settings.xml ] && words+=(--settings settings.xml)
  # Words of the app's author.
  # shellcheck disable=SC2206
  if [ -n "${MAVEN_CUSTOM_GOALS:-}" ]; then goals=($MAVEN_CUSTOM_GOALS)
  # Nothing can be installed into that one.
  elif uses_debian_repository; then goals=(clean package)
  else goals=(clean install)
  fi
  # shellcheck disable=SC2206
  words+=(${MAVEN_CUSTOM_OPTS:-})
  step "Executing Maven"
  detail "\$ $maven ${MAVEN_CUSTOM_OPTS:--DskipTests} ${goals[*]}"
  run "$maven" "${words[@]}" "${goals[@]}" || {
    explain_maven
    fail "Failed to build app with Maven"
  }
  find_jar "$(target_folder)"
}

# Of several modules, the only one whose target/ has a jar that can be started.
target_folder() {
  local folder
  [ -d target ] && compgen -G 'target/*.[jw]ar' >/dev/null && { echo target; return; }
  for folder in */target; do compgen -G "$folder/*.jar" >/dev/null && unzip -p "$folder"/*.jar META-INF/MANIFEST.MF 2>/dev/null | grep -q '^Main-Class:' && { echo "$folder"; return; }; done
  echo target
}

# Seconds since 1970 of the newest file of the source.
source_time() { find . -type f -not -path './.flynn/*' -printf '%T@\n' | sort -n | tail -n 1 | cut -d. -f1; }

explain_maven() {
  if grep -qE 'COMPILATION ERROR' /tmp/output; then
    fail "Failed to build app with Maven: the sources do not compile"
  elif [ -f mvnw ] && grep -qE '(wget|curl): Failed to fetch|Failed to validate Maven distribution|org\.apache\.maven\.wrapper' /tmp/output; then
    fail "Failed to build app with Maven: the wrapper could not download Maven. Without mvnw Debian's Maven builds the app"
  elif grep -qE 'in offline mode' /tmp/output; then
    fail "Failed to build app with Maven: the repository in the app does not have all that an offline build needs"
  elif grep -qE 'Could not transfer|Unknown host|Network is unreachable|Connection (refused|timed out)|Failed to (fetch|download)|UnresolvableModelException' /tmp/output; then
    fail "Failed to build app with Maven: a repository is out of reach. A repository in the app works offline: -o and -Dmaven.repo.local=… in .mvn/maven.config"
  fi
}
