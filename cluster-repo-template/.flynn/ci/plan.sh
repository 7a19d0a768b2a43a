#!/bin/sh
# What a pull request would change: checked as a push would be, and told as Markdown in plan.md. The CI jobs of GitHub, GitLab and Gitea run it; so can you:
#   FLYNN_REPOSITORY=https://… sh .flynn/ci/plan.sh main
# It asks no cluster, and needs no token. Status: 0 it can be merged, another one it can't.
set -eu
base=${1:?usage: plan.sh <the branch that it goes into>}
: "${FLYNN_REPOSITORY:?set it to where the source of Flynn is, a URL for git clone}"

flynn=$(mktemp -d)
trap 'rm -rf "$flynn"' EXIT
git clone --quiet --depth 1 ${FLYNN_REF:+--branch "$FLYNN_REF"} -- "$FLYNN_REPOSITORY" "$flynn"

# As main would be: what it got meanwhile is no part of the change.
# FLYNN_REMOTE: where that is, if git may not ask origin for it.
git fetch --quiet "${FLYNN_REMOTE:-origin}" "+refs/heads/$base:refs/remotes/origin/$base"
git -c user.name=ci -c user.email=ci@localhost merge --quiet --no-edit "origin/$base"

# What is wrong is in the plan, too, which decides. 0: nothing changes, 1: something does, 2: it is wrong.
"$flynn/cli/flynn" validate || true
status=0
"$flynn/cli/flynn" plan --against "origin/$base" --markdown > plan.md || status=$?
cat plan.md
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat plan.md >> "$GITHUB_STEP_SUMMARY"; fi
[ "$status" -le 1 ]
