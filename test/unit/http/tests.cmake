pganalytics_unit_test(http_test SOURCES http/budget_test.cpp http/request_parser_test.cpp
                      http/response_test.cpp LIBRARIES pganalytics_http)
