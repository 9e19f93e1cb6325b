// ONNX's own messages (onnx-ml.proto, IR version 10), complete, so that nothing in a model file escapes inspection; read and write.
import protobuf from 'protobufjs';
import { PerennialError } from '../../core/errors.ts';

const PROTO = `syntax = "proto3";
message ModelProto {
  int64 ir_version = 1; string producer_name = 2; string producer_version = 3; string domain = 4; int64 model_version = 5;
  string doc_string = 6; GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8;
  repeated StringStringEntryProto metadata_props = 14; repeated TrainingInfoProto training_info = 20;
  repeated FunctionProto functions = 25; repeated DeviceConfigurationProto configuration = 26;
}
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message StringStringEntryProto { string key = 1; string value = 2; }
message GraphProto {
  repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5; string doc_string = 10;
  repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12; repeated ValueInfoProto value_info = 13;
  repeated TensorAnnotation quantization_annotation = 14; repeated SparseTensorProto sparse_initializer = 15;
  repeated StringStringEntryProto metadata_props = 16;
}
message NodeProto {
  repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4; repeated AttributeProto attribute = 5;
  string doc_string = 6; string domain = 7; string overload = 8; repeated StringStringEntryProto metadata_props = 9;
  repeated NodeDeviceConfigurationProto device_configurations = 10;
}
message AttributeProto {
  string name = 1; float f = 2; int64 i = 3; bytes s = 4; TensorProto t = 5; GraphProto g = 6; repeated float floats = 7;
  repeated int64 ints = 8; repeated bytes strings = 9; repeated TensorProto tensors = 10; repeated GraphProto graphs = 11;
  string doc_string = 13; TypeProto tp = 14; repeated TypeProto type_protos = 15; int32 type = 20; string ref_attr_name = 21;
  SparseTensorProto sparse_tensor = 22; repeated SparseTensorProto sparse_tensors = 23;
}
message TensorProto {
  message Segment { int64 begin = 1; int64 end = 2; }
  repeated int64 dims = 1; int32 data_type = 2; Segment segment = 3; repeated float float_data = 4; repeated int32 int32_data = 5;
  repeated bytes string_data = 6; repeated int64 int64_data = 7; string name = 8; bytes raw_data = 9; repeated double double_data = 10;
  repeated uint64 uint64_data = 11; string doc_string = 12; repeated StringStringEntryProto external_data = 13; int32 data_location = 14;
  repeated StringStringEntryProto metadata_props = 16;
}
message SparseTensorProto { TensorProto values = 1; TensorProto indices = 2; repeated int64 dims = 3; }
message ValueInfoProto { string name = 1; TypeProto type = 2; string doc_string = 3; repeated StringStringEntryProto metadata_props = 4; }
message TypeProto {
  message Tensor { int32 elem_type = 1; TensorShapeProto shape = 2; }
  message Sequence { TypeProto elem_type = 1; }
  message Map { int32 key_type = 1; TypeProto value_type = 2; }
  message Optional { TypeProto elem_type = 1; }
  message SparseTensor { int32 elem_type = 1; TensorShapeProto shape = 2; }
  message Opaque { string domain = 1; string name = 2; }
  oneof value {
    Tensor tensor_type = 1; Sequence sequence_type = 4; Map map_type = 5; Opaque opaque_type = 7; SparseTensor sparse_tensor_type = 8;
    Optional optional_type = 9;
  }
  string denotation = 6;
}
message TensorShapeProto {
  message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } string denotation = 3; }
  repeated Dimension dim = 1;
}
message TensorAnnotation { string tensor_name = 1; repeated StringStringEntryProto quant_parameter_tensor_names = 2; }
message FunctionProto {
  string name = 1; repeated string input = 4; repeated string output = 5; repeated string attribute = 6; repeated NodeProto node = 7;
  string doc_string = 8; repeated OperatorSetIdProto opset_import = 9; string domain = 10; repeated AttributeProto attribute_proto = 11;
  repeated ValueInfoProto value_info = 12; string overload = 13; repeated StringStringEntryProto metadata_props = 14;
}
message TrainingInfoProto {
  GraphProto initialization = 1; GraphProto algorithm = 2; repeated StringStringEntryProto initialization_binding = 3;
  repeated StringStringEntryProto update_binding = 4;
}
message DeviceConfigurationProto { string name = 1; int32 num_devices = 2; repeated string device = 3; }
message NodeDeviceConfigurationProto { string configuration_id = 1; repeated ShardingSpecProto sharding_spec = 2; int32 pipeline_stage = 3; }
message ShardingSpecProto {
  string tensor_name = 1; repeated int64 device = 2; repeated IntIntListEntryProto index_to_device_group_map = 3;
  repeated ShardedDimProto sharded_dim = 4;
}
message IntIntListEntryProto { int64 key = 1; repeated int64 value = 2; }
message ShardedDimProto { int64 axis = 1; repeated SimpleShardedDimProto simple_sharding = 2; }
message SimpleShardedDimProto { oneof dim { int64 dim_value = 1; string dim_param = 2; } int64 num_shards = 3; }
`;

const ModelProto = protobuf.parse(PROTO).root.lookupType('ModelProto');

/** A decoded message of any type above. */
export type OnnxMessage = protobuf.Message;

/** Bytes of a model given as a plain object with the fields above in camelCase; equal objects, equal bytes. */
export const encodeModel = (model: Readonly<Record<string, unknown>>): Uint8Array =>
  ModelProto.encode(ModelProto.fromObject(model)).finish();

/** Bytes of a decoded model again: exactly what was looked at, whatever else the original bytes held. */
export const reencodeModel = (model: OnnxMessage): Uint8Array => ModelProto.encode(model).finish();

/** The decoded model, with fields outside the schema kept in `$unknowns`. Throws `CONTRACT_BROKEN` for bytes that are no ONNX. */
export const decodeModel = (bytes: Uint8Array): OnnxMessage => {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  try {
    return ModelProto.decode(reader);
  } catch (cause) {
    throw new PerennialError('CONTRACT_BROKEN', 'These bytes are no ONNX model', { cause });
  }
};

/** A decoded message as a plain object, whole numbers as numbers. */
export const plainModel = (model: OnnxMessage): unknown => ModelProto.toObject(model, { longs: Number, arrays: true });
