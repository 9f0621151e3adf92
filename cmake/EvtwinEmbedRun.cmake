# SPDX-License-Identifier: MIT
# Run by evtwin_embed: write the files as byte arrays (each followed by a NUL) and a table of them.
if(NOT DEFINED files)
  string(REPLACE "|" ";" files "${FILES}")
endif()
set(arrays "")
set(rows "")
set(i 0)
foreach(file ${files})
  file(READ ${file} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  file(SHA256 ${file} hash)
  string(SUBSTRING ${hash} 0 16 hash)
  if("${BASE}" STREQUAL "")
    get_filename_component(base ${file} NAME)
  else()
    file(RELATIVE_PATH base ${BASE} ${file})
  endif()
  string(APPEND arrays "static const unsigned char data_${i}[] = {${bytes}0x00};\n")
  string(APPEND rows "    {\"${base}\", (const char *)data_${i}, ${size}, \"\\\"${hash}\\\"\"},\n")
  math(EXPR i "${i} + 1")
endforeach()
file(WRITE ${OUT} "/* Made by cmake/EvtwinEmbedRun.cmake; do not edit. */\n#include \"core/embed.h\"\n\n${arrays}
extern const evtwin__embedded ${NAME}[];
extern const size_t ${NAME}_count;
const evtwin__embedded ${NAME}[] = {
${rows}    {NULL, NULL, 0, NULL},
};
const size_t ${NAME}_count = ${i};
")
