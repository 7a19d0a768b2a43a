# shellcheck shell=bash
# Who builds the app, and which Java it wants.

# Of Debian 13: openjdk-21, and openjdk-25 by its security updates.
JAVAS="21 25"
DEFAULT_JAVA=21

# Prints maven, gradle, sources (Main.java and no tool) or jar (a jar or war that was built elsewhere); nothing for what is no Java.
kind_of_app() {
  if [ -f pom.xml ] || [ -f pom.atom ] || [ -f pom.clj ] || [ -f pom.groovy ] || [ -f pom.rb ] || [ -f pom.scala ] || [ -f pom.yaml ] || [ -f pom.yml ]; then echo maven
  elif [ -f gradlew ] || [ -f build.gradle ] || [ -f build.gradle.kts ] || [ -f settings.gradle ] || [ -f settings.gradle.kts ]; then echo gradle
  elif [ -f Main.java ]; then echo sources
  elif compgen -G '*.jar' >/dev/null || compgen -G '*.war' >/dev/null; then echo jar
  fi
}

# Whether Maven takes all from Debian's packages (-o and -Dmaven.repo.local=/usr/share/maven-repo in .mvn/maven.config), without a network.
uses_debian_repository() { [ "$(kind_of_app)" = maven ] && grep -qs '/usr/share/maven-repo' .mvn/maven.config; }

# Prints the major version that system.properties asks for, else the default.
wanted_java() {
  local wanted
  wanted=$(sed -nE 's/^[[:space:]]*java\.runtime\.version[[:space:]]*[=:][[:space:]]*([^[:space:]#]+).*/\1/p' system.properties 2>/dev/null | head -n 1)
  # Heroku's names of distributions, and how Java counted before 9.
  wanted=${wanted#openjdk-} wanted=${wanted#zulu-} wanted=${wanted#1.}
  wanted=${wanted%%.*}
  echo "${wanted:-$DEFAULT_JAVA}"
}
