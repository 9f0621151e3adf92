# SPDX-License-Identifier: MIT
# Run when a source archive is made (scripts/dist, pip): writes what the pages of WEB use from npm to TO, as the archive
# carries it in web/vendor. WORK is a folder for the run. Fails where npm or its registry is absent.
cmake_minimum_required(VERSION 3.22)
find_program(NPM npm)
if(NOT NPM)
  set(NPM "")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -DNAME=unused -DOUT=${WORK}/unused.c -DFOLDER=${WORK} "-DNPM=${NPM}" -DIS_WANTED=ON
                        -DWEB=${WEB} -P ${CMAKE_CURRENT_LIST_DIR}/EvtwinVendorRun.cmake RESULT_VARIABLE code)
if(NOT code STREQUAL "0" OR NOT EXISTS ${WORK}/complete)
  message(FATAL_ERROR "A source archive carries what the pages use from npm, and it cannot be had (the reason is above)")
endif()
file(REMOVE_RECURSE ${TO})
file(REMOVE ${WORK}/files/have.js)
file(COPY ${WORK}/files/ DESTINATION ${TO})
file(WRITE ${TO}/complete "")
