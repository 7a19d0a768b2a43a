# shellcheck shell=bash
# The Java that builds, and what the app's shell is told.

use_java() {
  local wanted
  wanted=$(wanted_java)
  [[ " $JAVAS " == *" $wanted "* ]] || fail "system.properties asks for Java $wanted, and the stack has OpenJDK ${JAVAS/ / and }: ask for one of these, or build the app with a Dockerfile"
  JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
  export JAVA_HOME
  step "Installing OpenJDK $wanted... done"
  grep -qs '^[[:space:]]*java.runtime.version' system.properties || detail "system.properties has no java.runtime.version: $DEFAULT_JAVA is the default"
  detail "$(java -version 2>&1 | grep -v '^Picked up' | head -n 1) (Debian package openjdk-$wanted-jdk-headless)"
  trust
}

# Java reads no certificates in the system's form: those of the image, which are the machine's, are put into a store of its own.
trust() {
  local bundle=/etc/ssl/certs/ca-certificates.crt store
  mkdir -p .flynn/java "$CACHE_DIR/java"
  store=$CACHE_DIR/java/cacerts-$(sha256sum "$bundle" | cut -c1-16).p12
  if [ ! -f "$store" ]; then
    rm -f "$CACHE_DIR"/java/cacerts-*
    java -XX:TieredStopAtLevel=1 "$BUILDPACK_DIR/lib/TrustStore.java" "$bundle" "$store.unfinished" >/tmp/output 2>&1 || {
      indent </tmp/output
      fail "the certificates of the image could not be taken over for Java"
    }
    mv "$store.unfinished" "$store"
  fi
  cp "$store" .flynn/java/cacerts.p12
  TRUST="-Djavax.net.ssl.trustStore=$store -Djavax.net.ssl.trustStorePassword=changeit"
}

# Options for the network of tools that are written in Java: they read neither the variables of proxies nor the system's certificates.
network_options() {
  local scheme proxy host port
  echo "$TRUST"
  for scheme in http https; do
    proxy=${scheme}_proxy proxy=${!proxy:-}
    [[ $proxy =~ ^https?://([^@/]*@)?([^:/]+):?([0-9]*)/?$ ]] || continue
    host=${BASH_REMATCH[2]} port=${BASH_REMATCH[3]:-80}
    echo "-D$scheme.proxyHost=$host -D$scheme.proxyPort=$port"
  done
}

# find_jar FOLDER: notes the one jar in it that can be started, or the one war: some bring a server.
find_jar() {
  local jar found=()
  for jar in "$1"/*.jar "$1"/*.war; do
    case ${jar##*/} in
      '*.jar' | '*.war' | *-sources.jar | *-javadoc.jar | *-tests.jar | *-plain.jar | original-*.jar) continue ;;
    esac
    unzip -p "$jar" META-INF/MANIFEST.MF 2>/dev/null | grep -q '^Main-Class:' && found+=("${jar#./}")
  done
  case ${#found[@]} in
    1)
      detail "Found ${found[0]}"
      # Shell's variables, for the shell that starts it.
      # shellcheck disable=SC2016
      web "java -Dserver.port=\$PORT \$JAVA_OPTS -jar ${found[0]}"
      ;;
    0) warn "there is no jar with a Main-Class in $1/: say in a Procfile what web is" ;;
    *) warn "there are several jars with a Main-Class in $1/ (${found[*]##*/}): say in a Procfile which is web" ;;
  esac
}

web() { printf 'web %s\n' "$1" >.flynn/java/services; }

# MaxRAMPercentage counts where nothing else is said, and where the container has a limit: without one it would be most of the machine.
write_profile() {
  mkdir -p .profile.d
  cat >.profile.d/java.sh <<'PROFILE'
flynn_memory=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null)
case $flynn_memory in
  '' | max | ????????????????*) flynn_memory='' ;;
  *) flynn_memory='-XX:MaxRAMPercentage=60 ' ;;
esac
export JAVA_TOOL_OPTIONS="${flynn_memory}-Djavax.net.ssl.trustStore=$HOME/.flynn/java/cacerts.p12 -Djavax.net.ssl.trustStorePassword=changeit -Dfile.encoding=UTF-8 ${JAVA_TOOL_OPTIONS:-}"
export JAVA_OPTS=${JAVA_OPTS:-}
unset flynn_memory
PROFILE
}
