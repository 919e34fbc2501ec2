# Doxygen's input filter: what the project writes as plain comments, in the form that Doxygen reads.
#
#   awk -f .ci/doxygen.awk FILE > what Doxygen sees of it
#
# The idea: the comments stay plain in the source, and the way they are laid out says what they are.
#   the head of a file                     documents the file
#   lines above a declaration              document it, and those that follow it without a blank
#                                          line and have no comment of their own
#   a comment behind a declaration         documents that declaration
#                                          (a class that the head begins with, "Tensor: ...",
#                                          has the head as its own; a copy or a move that is
#                                          `= default` needs none)
#   one line without a full stop above     is the title of a group (autograd/ops.h)
#   lines indented in a comment            are code or formulas; with a year, (2017): the paper
# What stands in the bodies of functions is left alone, and so are the other .cpp files. Lines keep
# their numbers. In a README.md the formulas and the code become Doxygen's.

{ line[NR] = $0 }
END {
  if (FILENAME ~ /\.md$/) page()
  else if (FILENAME ~ /\.h$|\/(ops|linalg|reductions|rearrangements)\.cpp$/) code()
  else as_it_is()
}

function as_it_is(   i) {
  for (i = 1; i <= NR; i++) print line[i]
}

# --- C++ ---

function code(   i, first, last) {
  find_declarations()
  for (i = 1; line[i] ~ /^\/\//; i++) {}
  if (i > 1) head_comment(i - 1)
  for (i++; i <= NR; i++) {
    if (line[i] ~ /^ *$/) shared = ""
    if (open_group && (line[i] ~ /^ *$/ || line[i] ~ /^ *[}]/)) {
      line[i] = "/**@}*/" line[i]
      open_group = 0
      continue
    }
    if (after_namespace) line[i] = ""  # e.g. how fmt prints it
    if (line[i] ~ /^}  \/\/ namespace gradflow$/) after_namespace = 1
    if (!at_declaration[i]) {
      if (line[i] ~ /[{;]$/ && opens[i]) shared = ""
      continue
    }
    if (line[i] ~ /^ *\/\//) {
      for (first = i; line[i + 1] ~ /^ *\/\//; i++) {}
      last = i
      shared = ""
      if (line[first] ~ /^ *\/\/ ---.*---$/ && line[last + 1] ~ /^ *$/ && last > first + 1) {
        line[first] = "/** \\file"
        comment(first + 1, last, "open")
        sub(/ \* /, " * \\details ", line[first + 1])
      } else if (line[last + 1] ~ /^ *$/ || line[last + 1] ~ /^ *[}]/) {
        continue
      } else if (first == last && line[first] ~ /^ *\/\/ [A-Z].*[a-z]$/ && line[first + 2] !~ /^ *$/) {
        line[first] = "/** \\name " text(stripped(line[first])) " */ /**@{*/"
        open_group = 1
      } else {
        shared = one_line(first, last)
        comment(first, last, "")
        fresh = 1
      }
      continue
    }
    declaration(i)
    if (line[i] ~ /[*]\/ [A-Za-z0-9_:<>]+ [a-z_0-9]+( = [^(]+)?, [^(]*;$/) line[i] = separately(line[i])
  }
  as_it_is()
}

# The comment at the beginning, and of what class it is: `subject`, of "Mlp: ...", "Polymorphic<T>: ..."
# or "Parameter and Weights: ...".
function head_comment(last) {
  subject = stripped(line[1])
  sub(/^[A-Za-z]+( and |<)/, "&:", subject)
  sub(/( and |<):/, ":", subject)
  subject = subject ~ /^[A-Za-z ]+:/ ? tolower(substr(subject, 1, index(subject, ":") - 1)) : ""
  gsub(/ /, "", subject)
  comment(1, last, "")
  sub(/ \*\/$/, "", line[last])
  line[last + 1] = " * \\file */"  # instead of a blank line or of #pragma once
}

function declaration(i,   end, at, own) {
  if (line[i] ~ /^ *(#|[}]|friend |(virtual )?~|using [A-Za-z:]*::|(public|private|protected):)/) return
  end = i
  if (!trailing(line[i]) && ends_later[i]) end = ends_later[i]
  at = trailing(line[end])
  if (at) {
    own = substr(line[end], at + 3)
    line[end] = substr(line[end], 1, at - 1)
    sub(/ *$/, "", line[end])
    while (index(line[++end], "//") == at && line[end] ~ /^ *\/\//) {
      own = own " " stripped(line[end])
      line[end] = ""
    }
    put_before(i, sentence(text(own)))
  } else if (shared != "" && !fresh) {
    put_before(i, shared)
  } else if (line[i] ~ / = default;$/ && !fresh) {
    put_before(i, "As usual.")
  } else if (line[i] ~ /^template </ && line[i + 1] ~ /^(class|struct) / && !fresh) {
    copy_head(i, line[i + 1])
  } else if (line[i] ~ /^(class|struct) [A-Za-z]+ .*[{]$/ && !fresh) {
    copy_head(i, line[i])
  }
  fresh = 0
  if (opens[i]) shared = ""
}

# The head's comment for the class that begins so, if it is about that.
function copy_head(i, begins,   word) {
  split(begins, word, " ")
  if (tolower(word[2]) == subject) put_before(i, "\\copydoc " file_name())
}

function put_before(i, words) {
  match(line[i], /^ */)
  line[i] = substr(line[i], 1, RLENGTH) "/** " words " */ " substr(line[i], RLENGTH + 1)
}

# Where declarations may begin: at_declaration[i]; those that open a scope of further ones: opens[i];
# where one that takes several lines ends: ends_later[i].
function find_declarations(   i, k, c, s, depth, scope, statement, inside, start, is_enum) {
  depth = 0
  inside = 0  # how many of the open braces are not scopes of declarations
  statement = ""
  start = 0
  for (i = 1; i <= NR; i++) {
    at_declaration[i] = inside == 0 && statement == "" && parens == 0
    s = line[i]
    gsub(/"([^"\\]|\\.)*"/, "\"\"", s)
    gsub(/'[^']'/, "''", s)
    sub(/\/\/.*$/, "", s)
    sub(/^ */, "", s)
    sub(/ *$/, "", s)
    if (s ~ /^#/ || s ~ /^(public|private|protected):$/) continue
    if (s != "" && at_declaration[i]) start = i
    for (k = 1; k <= length(s); k++) {
      c = substr(s, k, 1)
      if (c == "(") parens++
      if (c == ")") parens--
      if (c == "{") {
        depth++
        gsub(/template *<[^>]*> */, "", statement)
        scope[depth] = statement ~ /^ *(inline )?(namespace|class|struct|enum|union|extern)/ && inside == 0
        is_enum[depth] = statement ~ /^ *enum/
        if (!scope[depth]) inside++
        else { opens[start] = 1; statement = "" }
      } else if (c == "}") {
        if (!scope[depth]) inside--
        depth--
        if (inside == 0 && parens == 0) statement = ""
      } else if (inside == 0 && parens == 0 && (c == ";" || (c == "," && depth && is_enum[depth])))
        statement = ""
      else if (inside == 0)
        statement = statement c
    }
    if (statement != "") statement = statement " "
    if (statement == "" && inside == 0 && start && start < i && s != "") {
      ends_later[start] = i
      start = 0
    }
  }
}

# With its folder: the name alone may be that of another file.
function file_name(   n, part) {
  n = split(FILENAME, part, "/")
  return n > 1 ? part[n - 1] "/" part[n] : part[n]
}

# "/** text */ Index a = 0, b = 0;" as two declarations, so that both have the text.
function separately(s,   head, type, i, n, name, all) {
  i = index(s, "*/ ")
  head = substr(s, 1, i + 2)
  s = substr(s, i + 3)
  type = substr(s, 1, index(s, " "))
  n = split(substr(s, index(s, " ") + 1), name, ", ")
  for (i = 1; i <= n; i++) all = all head type name[i] (i < n ? "; " : "")
  return all
}

# The column of the comment behind a declaration; 0: there is none.
function trailing(s,   at) {
  at = match(s, /[^ ] +\/\/ /)
  return at ? at + RLENGTH - 3 : 0
}

function stripped(s) {
  sub(/^ *\/\/ ?/, "", s)
  return s
}

# Lines first ... last as a comment block of Doxygen's.
function comment(first, last, already_open,   i, s, kind, old, open, indent) {
  for (i = first; i <= last; i++) {
    match(line[i], /^ */)
    indent = substr(line[i], 1, RLENGTH)
    s = stripped(line[i])
    kind = kind_of(s, old)
    if (kind == "code" && old != "code") {
      open = is_cpp(i, last) ? "code" : "verbatim"
      # On the line before, so that the first line of code keeps its indentation.
      if (i > first || already_open)
        line[i - 1] = line[i - 1] (open == "code" ? " \\code{.cpp}" : " \\verbatim")
      else
        s = "\\" open " " s
    }
    if (kind != "code" && old == "code") line[i - 1] = line[i - 1] " \\end" open
    if (kind == "paper" && old != "paper") s = "\\paper " text(s)
    else if (kind != "code") s = text(s)
    if (kind == "formula") s = "<br>" s
    line[i] = indent (i == first && !already_open ? "/** " : " * ") s
    old = kind
  }
  if (old == "code") line[last] = line[last] " \\end" open
  line[last] = line[last] " */"
}

function kind_of(s, old) {
  if (s ~ /^ *- /) return "list"
  if (s ~ /^  /) {
    if (old == "formula" || (FILENAME ~ /cpp$/ && old == "text")) return "formula"
    if (old == "list") return "list"
    if (s ~ /\((19|20)[0-9][0-9]\)|\([A-Z]+ (19|20)[0-9][0-9]\)/ || old == "paper") return "paper"
    return "code"
  }
  if (s == "" && old == "code") return "end"
  return "text"
}

function is_cpp(i, last) {
  for (; i <= last && stripped(line[i]) ~ /^  /; i++)
    if (line[i] ~ /; *(\/\/.*)?$|[{]$/) return 1
  return 0
}

# The same in one line, for the declarations that share it.
function one_line(first, last,   i, s, all, old, kind) {
  for (i = first; i <= last; i++) {
    s = stripped(line[i])
    kind = kind_of(s, old)
    if (kind == "code") { sub(/^ */, "", s); s = "<br><tt>" text(s) "</tt><br>" }
    else s = text(s)
    all = all (all == "" ? "" : " ") s
    old = kind
  }
  return sentence(all)
}

# What Doxygen would take for its own is escaped, but not in `code`.
function text(s,   n, part, i, all) {
  n = split(s, part, "`")
  for (i = 1; i <= n; i++) {
    if (i % 2) {
      gsub(/\\/, "&&", part[i])
      gsub(/&/, "\\&amp;", part[i])
      gsub(/</, "\\&lt;", part[i])
      gsub(/>/, "\\&gt;", part[i])
      gsub(/[#@%]/, "\\\\&", part[i])
      gsub(/\.\.\./, "\xe2\x80\xa6", part[i])
      gsub(/\.\. /, "..\\&nbsp;", part[i])  # this is no end of a sentence
      gsub(/e\.g\. /, "e.g.\\&nbsp;", part[i])
    }
    gsub(/   +/, " \\&emsp; ", part[i])
    all = all (i > 1 ? "`" : "") part[i]
  }
  return all
}

# With a capital, and a full stop, by which Doxygen finds the end of the short description.
function sentence(s) {
  if (s ~ /^[a-z][a-z]+,? [^=]/) s = toupper(substr(s, 1, 1)) substr(s, 2)
  return s ~ /([.?!]|\xe2\x80\xa6)$/ ? s : s "."
}

# --- README.md ---

function page(   i, n, part, k, s, fenced, all, heading) {
  for (i = 1; i <= NR; i++) all = all line[i] "\n"
  for (i = 1; i <= NR; i++) {
    s = line[i]
    if (!fenced && s ~ /^##/) {  # where the page refers to a heading, that needs a name, from a letter on
      heading = tolower(s)
      sub(/^#+ /, "", heading)
      gsub(/\]\([^)]*\)/, "", heading)
      gsub(/[^a-z0-9_ -]/, "", heading)
      gsub(/ /, "-", heading)
      if (index(all, "](#" heading ")")) s = s " {#section-" heading "}"
    }
    if (!fenced) gsub(/\]\(#/, "](#section-", s)
    for (k = i; s ~ /^!\[[^\]]*$/; line[k] = "") s = k < NR ? s " " line[++k] : s "]"  # a picture: in one line
    if (s ~ /^```/) {
      fenced = !fenced
      sub(/^.*/, fenced ? (s ~ /cpp/ ? "\\code{.cpp}" : "\\code{.unparsed}") : "\\endcode", s)
    } else if (!fenced) {
      if (s !~ /[<>]|\]\(/) gsub(/"/, "\\&quot;", s)  # or it would see no formula inside
      gsub(/<\/?details>/, "", s)  # Doxygen sees no code inside
      gsub(/<\/?summary>/, "**", s)
      n = split(s, part, "`")
      s = ""
      for (k = 1; k <= n; k++) s = s (k > 1 ? "`" : "") (k % 2 ? with_formulas(part[k]) : part[k])
    }
    print s
  }
}

# Formulas as Doxygen writes them, or, where there is no MathJax, as they stand. `formula` is what
# ends the one that is open, perhaps on an earlier line.
function with_formulas(s,   all, sign) {
  while (match(s, /[$][$]?/)) {
    all = all in_formula(substr(s, 1, RSTART - 1))
    sign = substr(s, RSTART, RLENGTH)
    s = substr(s, RSTART + RLENGTH)
    if (formula != "") { all = all formula; formula = "" }
    else if (ENVIRON["DOCS_MATHJAX"] != "YES") { all = all "<code>"; formula = "</code>" }
    else if (sign == "$") { all = all "\\f$"; formula = "\\f$" }
    else { all = all "\\f{equation*}{"; formula = "\\f}" }
  }
  return all in_formula(s)
}

function in_formula(s) {
  if (formula == "</code>") return text(s)
  if (formula == "") gsub(/@/, "\\\\@", s)
  return s
}
