# SPDX-License-Identifier: Apache-2.0

output "function_name" {
  description = "Name of the function"
  value       = aws_lambda_function.this.function_name
}

output "function_arn" {
  description = "ARN of the function, for the subscription"
  value       = aws_lambda_function.this.arn
}

output "version" {
  description = "The published version"
  value       = aws_lambda_function.this.version
}

output "log_group_name" {
  description = "Name of the log group"
  value       = aws_cloudwatch_log_group.lambda.name
}

output "redrive_policy" {
  description = "Value of redrive_policy of the subscription, so that no event is lost"
  value       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.undelivered.arn })
}
